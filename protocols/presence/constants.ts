/** The tag of every public mesh. */
export const PUBLIC_MESH = 'public'

/** Longest payload of a presence, in bytes. */
export const MAX_PRESENCE_BYTES = 8192

/** Longest JSON of a contact, in bytes, so that it also fits when it is sealed. */
export const MAX_CONTACT_BYTES = 3072

export const MAX_PRESENCE_ADDRESSES = 16
export const MAX_PRESENCE_MODELS = 64

/** Longest address, in characters. */
export const MAX_ADDRESS_LENGTH = 256

/** Longest sealed contact, in characters: NIP-44 pads 3,072 bytes to no more than 4,096, and base64 adds a third. */
export const MAX_SEALED_LENGTH = 6144

/** Longest time for which a presence may hold, in milliseconds. */
export const MAX_PRESENCE_MS = 60 * 60 * 1000
