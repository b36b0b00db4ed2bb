# An image of this version, for the jobs of a cluster: docker build --tag cadenza:0.1.0 .
FROM node:24-slim AS package
WORKDIR /cadenza
COPY . .
RUN npm ci && npm pack

FROM node:24-slim
WORKDIR /package
COPY --from=package /cadenza/cadenza-*.tgz ./
RUN npm install --global ./cadenza-*.tgz && npm cache clean --force && rm cadenza-*.tgz
USER node
WORKDIR /home/node
ENTRYPOINT ["cadenza"]
