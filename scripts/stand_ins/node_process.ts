/**
 * What commander reads of Node's process. Words go through configureOutput(), exits through exitOverride()
 * and the environment is read by this program itself, so that nothing of it is left to do here.
 */
export default { env: {}, versions: {}, argv: [], execArgv: [] };
