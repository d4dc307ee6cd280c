/** Text as HTML. */
export const escapeHtml = (text = ''): string =>
  text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)

/** Text in which `code` is marked with backticks. */
export const inline = (text = ''): string => escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>')
