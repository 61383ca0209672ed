"""The router is Envoy, told what to do by files: `files` writes their text (pure), `envoy` moves them into place."""
