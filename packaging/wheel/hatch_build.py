"""Says which machines the wheel is for: any Python 3, on the platforms that scripts/release read off the program."""

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PlatformTag(BuildHookInterface):
    """Sets the tag, which hatchling would take for that of a package of plain Python."""

    def initialize(self, version, build_data):
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{self.config['tag']}"
