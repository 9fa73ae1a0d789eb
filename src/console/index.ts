export { openEndedSessions } from './ended-sessions.ts'
export { type ConsoleDeps, consoleRoutes, withConsoleSessions } from './routes.ts'
