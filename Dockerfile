# The binary `stormproof` and nothing else, run by nobody in particular.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
WORKDIR /stormproof
COPY . .
RUN cargo build --release --locked --package stormproof

FROM debian:bookworm-slim
COPY --from=build /stormproof/target/release/stormproof /usr/local/bin/stormproof
USER 65534:65534
ENTRYPOINT ["stormproof"]
