export type { ColumnValues, ParquetColumn, ParquetOptions, PhysicalType, TextPart } from './types.ts'
export { writeParquet } from './write.ts'
