# docker build -t bnn-lab . && docker run --rm -p 8888:8888 bnn-lab
# then open the address with the token that it prints.
FROM debian:13-slim

RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3-dev python3-venv g++ make \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home learner
USER learner
WORKDIR /home/learner/bnn_lab
COPY --chown=learner . .
# Set up only: `--version` ends at once.
RUN make lab LAB_OPTIONS=--version && rm -rf /home/learner/.cache
EXPOSE 8888
CMD ["make", "lab", "LAB_OPTIONS=--no-browser --ip=0.0.0.0 --port=8888"]
