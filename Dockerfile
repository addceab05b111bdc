FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:24-bookworm-slim
# Hashes take a thread a core; name look-ups need some of their own.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 UV_THREADPOOL_SIZE=16
WORKDIR /app
COPY package.json package-lock.json ./
# No dependency that runs in production needs its install script.
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY --from=build /app/dist dist
COPY drizzle drizzle
COPY LICENSE NOTICE ./
USER node
EXPOSE 4000
# For Prometheus, where METRICS_PORT=9464 and METRICS_HOST=0.0.0.0 are set: not to be published.
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
