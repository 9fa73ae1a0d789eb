/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  bar: 'A bar for a terminal, filled by a share between 0 and 1, from one color to another.',
  color: 'A color by its name or #rgb, or between two others.',
  render: 'A value written for a terminal in a color; true and false as marks.',
  rgb: 'The color of red, green and blue, each from 0 to 255.',
}
