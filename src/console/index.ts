export { type ConsoleDeps, consoleRoutes, withConsoleSessions } from './routes.ts'
