// Verifies an export of receipts: node verify-receipts.mjs <file>, or an export on stdin. Nothing but Node is needed,
// and nobody is asked: every public key is in its peer id. The rules are those of protocols/records/README.md.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

const sha256 = (text) => createHash('sha256').update(text).digest('base64url')
function expect(holds, message) {
  if (!holds) throw new Error(message)
}

// A peer id is base58 of an identity multihash (00 24) of a protobuf (08 01 12 20) of an Ed25519 key's 32 bytes.
function publicKey(peer) {
  const digits = [...peer].map((letter) => BASE58.indexOf(letter))
  expect(!digits.includes(-1), `${peer} is not base58`)
  const number = digits.reduce((sum, digit) => sum * 58n + BigInt(digit), 0n)
  const hex = number.toString(16).padStart(76, '0')
  expect(hex.length === 76 && hex.startsWith('002408011220'), `${peer} has no Ed25519 key`)
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(hex.slice(12), 'hex').toString('base64url') }
  return createPublicKey({ key: jwk, format: 'jwk' })
}

// The payload of a record, once its signature is known to be that of the peer it names.
function open(kind, signer, { payload, signature }) {
  const fields = JSON.parse(payload)
  const bytes = Buffer.from(`lobstah/${kind}/1\n${payload}`)
  const genuine = verify(null, bytes, publicKey(fields[signer]), Buffer.from(signature, 'base64url'))
  expect(genuine, `the ${kind} is not signed by its ${signer}`)
  return fields
}

function check(line) {
  const order = open('order', 'consumer', line.order)
  const receipt = open('receipt', 'contributor', line.receipt)
  const said = line.acknowledgement && open('acknowledgement', 'consumer', line.acknowledgement)
  const names = ({ id, order, consumer, contributor }) => [id ?? order, consumer, contributor].join()
  expect(names(receipt) === names(order) && names(said || receipt) === names(order), 'mixed orders')
  expect(receipt.orderHash === sha256(line.order.payload), 'the receipt is of another order')
  const right = !said || (said.seq === receipt.seq && said.receiptHash === sha256(line.receipt.payload))
  expect(right, 'the acknowledgement is of another receipt')
  const [prompt, completion] = [BigInt(receipt.promptTokens), BigInt(receipt.completionTokens)]
  const bounded = prompt <= order.maxPromptTokens && completion <= order.maxCompletionTokens
  expect(bounded, 'over the bounds of the order')
  const price = prompt * BigInt(order.price.prompt) + completion * BigInt(order.price.completion)
  expect(BigInt(receipt.credits) === price, 'another price than that of the order')
  const verb = said ? 'owes' : 'is claimed to owe'
  console.log(`${order.consumer} ${verb} ${order.contributor} ${receipt.credits} for order ${order.id}`)
}

const lines = readFileSync(process.argv[2] ?? 0, 'utf8').split('\n')
for (const [index, line] of lines.entries())
  try {
    if (line !== '') check(JSON.parse(line))
  } catch (err) {
    console.error(`line ${index + 1}: ${err.message}`)
    process.exitCode = 1
  }
