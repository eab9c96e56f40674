// The peer: Vendure as its own starter sets it up for production, a server and a worker over PostgreSQL.
// node peer.js seed | server | worker
const path = require('path');
const vendure = require('@vendure/core');
const { AssetServerPlugin } = require('@vendure/asset-server-plugin');

const starter = path.join(__dirname, 'node_modules/@vendure/create/assets');
const port = Number(process.env.PEER_PORT);

const config = {
  apiOptions: { hostname: '127.0.0.1', port, adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
  authOptions: {
    tokenMethod: ['bearer', 'cookie'],
    superadminCredentials: { identifier: 'bench', password: process.env.PEER_SECRET },
    cookieOptions: { secret: process.env.PEER_SECRET },
  },
  dbConnectionOptions: {
    type: 'postgres', host: '127.0.0.1', port: Number(process.env.PEER_PGPORT), username: 'postgres', password: '', database: 'postgres',
    synchronize: process.argv[2] === 'seed', logging: false,
  },
  logger: new vendure.DefaultLogger({ level: vendure.LogLevel.Warn }),
  paymentOptions: { paymentMethodHandlers: [vendure.dummyPaymentHandler] },
  importExportOptions: { importAssetsDir: path.join(starter, 'images') },
  plugins: [
    AssetServerPlugin.init({ route: 'assets', assetUploadDir: process.env.PEER_ASSETS, assetUrlPrefix: `http://127.0.0.1:${port}/assets/` }),
    vendure.DefaultSchedulerPlugin.init(),
    vendure.DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true }),
    vendure.DefaultSearchPlugin.init({ bufferUpdates: false, indexStockStatus: true }),
  ],
};

const modes = {
  async seed() {
    const { populate } = require('@vendure/core/cli');
    const started = async () => {
      const app = await vendure.bootstrap(config);
      await app.get(vendure.JobQueueService).start();
      return app;
    };
    const app = await populate(started, require(path.join(starter, 'initial-data.json')), path.join(starter, 'products.csv'));
    // The search index is built by jobs of this process: give them the time to end.
    await new Promise((done) => setTimeout(done, 8000));
    await app.close();
    process.exit(0);
  },
  server: () => vendure.bootstrap(config),
  worker: async () => (await vendure.bootstrapWorker(config)).startJobQueue(),
};

modes[process.argv[2]]().catch((err) => {
  console.error(err);
  process.exit(1);
});
