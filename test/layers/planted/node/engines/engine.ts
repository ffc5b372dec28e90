export const engine = 'planted'
