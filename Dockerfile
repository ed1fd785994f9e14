# Larder as an image: the server, with Python and Node.js for the sandbox.
#
#   docker build -t larder .
#   docker run -p 127.0.0.1:4566:4566 -v larder:/var/lib/larder --security-opt seccomp=unconfined \
#     --security-opt apparmor=unconfined --security-opt systempaths=unconfined larder
#
# With the engine's socket functions run in AWS's own images instead (docs/container.md):
#
#   docker run --network host -v /var/run/docker.sock:/var/run/docker.sock --group-add "$(stat -c %g /var/run/docker.sock)" \
#     -v larder:/var/lib/larder larder
#
# scripts/image makes the same image where no registry is reached.

ARG BUILDER=rust:1-bookworm
ARG BASE=debian:bookworm-slim

FROM $BUILDER AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin larder && cp target/release/larder /larder

FROM $BASE AS packages
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates curl nodejs passt procps python3 \
  && rm -rf /var/lib/apt/lists/*

# ---- the image itself: scripts/image begins here

FROM packages
RUN useradd --create-home --uid 1000 larder && install -d -o larder -g larder /var/lib/larder /etc/localstack/init
COPY --from=build /larder /usr/local/bin/larder
USER larder
ENV LARDER_DATA_DIR=/var/lib/larder LARDER_LISTEN=0.0.0.0:4566
VOLUME /var/lib/larder
EXPOSE 4566
HEALTHCHECK --interval=2s --timeout=5s --start-period=30s CMD ["larder", "wait", "--timeout", "2"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["larder"]
CMD ["serve"]
