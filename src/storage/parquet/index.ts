export { type FooterColumn, type ParquetFooter, type ReadRange, readParquetFooter } from './footer.ts'
export type { ColumnValues, ParquetColumn, ParquetOptions, PhysicalType, TextPart } from './types.ts'
export { writeParquet } from './write.ts'
