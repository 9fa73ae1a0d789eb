export * from './app.ts'
export * from './errors.ts'
export * from './params.ts'
export * from './times.ts'
