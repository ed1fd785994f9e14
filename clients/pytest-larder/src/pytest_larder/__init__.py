"""Larder, a local AWS Lambda service, for pytest."""

from .calls import LarderError
from .larder import Larder

__all__ = ["Larder", "LarderError"]
