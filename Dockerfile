# The app on plain Node. Give it REDIS_URL, DATABASE_URL and ADMIN_TOKEN; compose.yaml does.
FROM node:24-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8787 DATA_DIR=/data
WORKDIR /app
COPY package.json package-lock.json ./
# The optional packages are a Node for machines with an older one.
RUN npm ci --omit=dev --omit=optional && npm cache clean --force
COPY migrations ./migrations
COPY public ./public
COPY src ./src
RUN mkdir /data && chown node /data
USER node
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/ready`).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself, not npm: signals must reach it, so that it drains and settles before it ends.
CMD ["node", "src/node.ts"]
