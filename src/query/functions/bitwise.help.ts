/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  bit_count: 'How many bits are set in a number of so many bits.',
  bitwise_and: 'The bits that both numbers have.',
  bitwise_left_shift: 'The bits moved to the left, zeros following.',
  bitwise_not: 'The bits that a number has not.',
  bitwise_or: 'The bits that one of two numbers has.',
  bitwise_right_shift: 'The bits moved to the right, zeros following.',
  bitwise_right_shift_arithmetic: 'The bits moved to the right, the sign following.',
  bitwise_xor: 'The bits that only one of two numbers has.',
}
