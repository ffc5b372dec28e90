export const CHAT_PROTOCOL = '/lobstah/chat/1.0.0'
export const INFO_PROTOCOL = '/lobstah/info/1.0.0'
export const RECEIPTS_PROTOCOL = '/lobstah/receipts/1.0.0'
export const MEMBERSHIP_PROTOCOL = '/lobstah/membership/1.0.0'
export const KAD_PROTOCOL = '/lobstah/kad/1.0.0'
export const PUNCH_PROTOCOL = '/lobstah/punch/1.0.0'
export const STUN_PROTOCOL = '/lobstah/stun/1.0.0'
export const SEEN_PROTOCOL = '/lobstah/seen/1.0.0'

/** How far two clocks may be apart, in milliseconds (the original Lobstah's window). */
export const CLOCK_SKEW_MS = 5 * 60 * 1000
