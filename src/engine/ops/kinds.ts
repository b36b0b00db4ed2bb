/** @file Which ops mix which numbers, for passes and for splitting a batch. */

/** Ops that compute every number from the numbers at the same place of their inputs, which broadcast. */
export const ELEMENTWISE: readonly string[] = [
  ...['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'less', 'equal', 'select', 'neg', 'exp', 'log', 'sqrt', 'sin', 'cos', 'tanh'],
  ...['sigmoid', 'softplus', 'erf', 'abs', 'sign', 'round', 'step', 'relu', 'cast', 'stopGradient'],
];
/** Ops that mix numbers along some axes. */
export const REDUCTIONS: readonly string[] = ['sum', 'mean', 'max'];
/** Ops that mix numbers along their last axis only. */
export const LAST_AXIS: readonly string[] = ['softmax', 'logSoftmax', 'layerNorm'];
