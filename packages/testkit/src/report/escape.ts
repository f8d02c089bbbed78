const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * Text for XML and HTML, between tags and in quoted attributes. What XML 1.0 allows in no form (control characters, halves of
 * surrogate pairs) is shown as a question mark.
 */
export function escapeText(text: string): string {
  return text.replace(FORBIDDEN, '?').replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign)
}

/** XML 1.0, production [2] Char, has no control characters but tab, line feed and carriage return, and no U+FFFE, U+FFFF. */
const FORBIDDEN = /(?![\t\n\r])\p{Cc}|[\ufffe\uffff]|\p{Surrogate}/gu
