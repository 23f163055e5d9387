/**
 * Builds the dashboard into `dist/`, which the control plane serves from `/`.
 *
 * Everything is a file of its own: its Content-Security-Policy is `default-src 'self'`, under which a browser runs no
 * inline script, applies no inline style and loads no `data:` address.
 *
 * @module
 */
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  base: '/',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // The first browsers with `light-dark()` and `AbortSignal.any`: older ones would get a broken page either way.
    target: ['chrome123', 'edge123', 'firefox124', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
})
