/** The provider's and the plugin's id: models are named `lobstah/<model>`. */
export const PROVIDER = 'lobstah'

/** Where a node's gateway listens unless told otherwise. */
export const DEFAULT_BASE_URL = 'http://127.0.0.1:17475/v1'

/** Stands where OpenClaw wants an API key; the gateway asks for none on this machine. It is no secret. */
export const KEY_MARKER = 'lobstah-local'
