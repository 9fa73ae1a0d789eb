export { type ExportSettings, readExportSettings } from './config.ts'
export { exportRoutes } from './routes.ts'
export { createExportRunner, type ExportRunnerOptions } from './runner.ts'
