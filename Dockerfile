# An image of this version, for the jobs of a cluster: docker build --tag cadenza:0.1.0 .
FROM node:24-slim AS package
WORKDIR /cadenza
COPY . .
RUN npm ci && npm pack

FROM node:24-slim
COPY --from=package /cadenza/cadenza-*.tgz /tmp/
RUN npm install --global /tmp/cadenza-*.tgz && rm -r /tmp/cadenza-*.tgz /root/.npm
USER node
WORKDIR /home/node
ENTRYPOINT ["cadenza"]
