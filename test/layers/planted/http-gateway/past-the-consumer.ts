export * from '../node/engines/engine.ts'
