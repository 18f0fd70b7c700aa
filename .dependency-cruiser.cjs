/**
 * Who may import whom (docs/ARCHITECTURE.md). Type-only imports count. test/import-rules.test.ts plants violations and proves that each rule bites.
 */
const only = (name, from, allowed, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from, pathNot: '\\.test\\.ts$' },
  to: { path: '^(src|main|renderer|bench|e2e|test|scripts)/', pathNot: allowed },
});

const PURE = '^src/(engine/(onnx|passes|design)|fleet/(rollout|devices)|savings)/';

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    only('base-imports-nothing', '^src/base/', '^src/base/', 'base is the ground: it stands alone'),
    only('contract-imports-base', '^src/contract/', '^src/(contract|base)/', 'contract -> base only'),
    only('engine-stays-in-the-engine', '^src/engine/', '^src/(engine|contract|base)/', 'sessions, data, clock and randomness come in through base/ports.ts'),
    only('runtime-stays-in-the-runtime', '^src/runtime/', '^src/(runtime|contract|base)/', 'runtime implements the ports and knows no engine'),
    only('fleet-stays-in-the-fleet', '^src/fleet/(?!agent/)', '^src/(fleet/(?!agent/)|(contract|base)/)', 'fleet knows no engine and no runtime; the agent does'),
    only('agent-carries-no-compressor', '^src/fleet/agent/', '^src/(fleet|runtime|contract|base)/', 'a device carries no compressor and no console'),
    only('savings-stay-pure', '^src/savings/', '^src/(savings|contract|base)/', 'savings is arithmetic'),
    only('console-is-the-roof', '^src/console/', '^src/(console|runtime|fleet|savings|engine/(recipe|onnx)/index\\.ts|contract|base)/?', 'console joins the wings; the engine through its front doors'),
    only('hosts-carry-the-console', '^src/server/', '^src/(server|console|contract|base)/', 'nothing imports a host'),
    only('cli-carries-the-console', '^src/cli/', '^src/(cli|server|console|runtime|engine/(recipe|onnx)/index\\.ts|fleet/agent|contract|base)/?', 'the command line may start the server and the agent'),
    only('main-carries-the-console', '^main/', '^(main/|src/(console|contract|base)/)', 'the desktop shell is thin'),
    only('renderer-knows-the-contract', '^renderer/', '^(renderer/|src/(contract|base)/)', 'the page never reaches behind the contract'),
    {
      name: 'engine-inner-order',
      severity: 'error',
      comment: 'inside the engine everything -> onnx, recipe -> all',
      from: { path: '^src/engine/onnx/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/engine/(?!onnx/)' },
    },
    {
      name: 'only-recipe-reaches-across',
      severity: 'error',
      comment: 'a wing of the engine knows engine/onnx and the passes; only the recipe knows them all',
      from: { path: '^src/engine/(passes|quantize|prune|train|design|convert)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/engine/recipe/' },
    },
    {
      name: 'passes-know-onnx-only',
      severity: 'error',
      from: { path: '^src/engine/passes/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/engine/(?!onnx/|passes/)' },
    },
    {
      name: 'pure-without-node',
      severity: 'error',
      comment: 'clock, randomness and files are passed in',
      from: { path: PURE, pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'pure-without-packages',
      severity: 'error',
      from: { path: PURE, pathNot: '\\.test\\.ts$' },
      to: { path: 'node_modules', pathNot: 'node_modules/zod/' },
    },
    {
      name: 'electron-in-main-only',
      severity: 'error',
      from: { pathNot: '^main/' },
      to: { path: '(^electron$|node_modules/electron/)' },
    },
    {
      name: 'features-know-no-sibling',
      severity: 'error',
      from: { path: '^renderer/src/features/([^/]+)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^renderer/src/features/', pathNot: '^renderer/src/features/$1/' },
    },
    {
      name: 'no-test-code-in-the-product',
      severity: 'error',
      from: { path: '^(src|main|renderer)/', pathNot: '(\\.test\\.ts$|/testing/)' },
      to: { path: '(\\.test\\.ts$|^test/|^e2e/|/testing/)' },
    },
    { name: 'resolvable', severity: 'error', from: { path: '^(src|main|renderer)/' }, to: { couldNotResolve: true, pathNot: '^~icons/|\\.css$|^@fontsource' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(out|node_modules)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.vue', '.mjs', '.js', '.json'], exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
