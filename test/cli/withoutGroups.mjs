/**
 * @file Loaded before a program (`node --import`): the addon as it is where libtorch has no process groups; with ADDON_FAULT=broken one that does
 * not load. The program knows nothing of it.
 */
const load = process.dlopen;
process.dlopen = (module, file, ...flags) => {
  const isAddon = file.endsWith('espalier.node');
  if (isAddon && process.env.ADDON_FAULT === 'broken') throw new Error('libtorch.so: cannot open shared object file');
  load.call(process, module, file, ...flags);
  if (!isAddon) return;
  const { findOperator } = module.exports;
  module.exports.findOperator = (name, overload) =>
    findOperator(name.startsWith('espalier::group_') ? `${name}_that_is_not_there` : name, overload);
};
