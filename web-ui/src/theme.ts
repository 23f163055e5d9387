/**
 * Light, dark, or what the system says. Kept in the browser; an unknown kept value counts as the system's.
 *
 * @module
 */
export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

const STORED_AS = 'headgate.theme'

export function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(STORED_AS)
    return themes.find((theme) => theme === stored) ?? 'system'
  } catch {
    // A browser that keeps nothing for this page still shows it.
    return 'system'
  }
}

export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
}

export function storeTheme(theme: Theme): void {
  applyTheme(theme)
  try {
    localStorage.setItem(STORED_AS, theme)
  } catch {
    // See above: it holds until the page is closed.
  }
}
