/**
 * Runs the fake Ollama as a process of its own: `node ollama-server-main.ts [port]`. Prints one line of JSON,
 * `{"url": "http://127.0.0.1:…", "port": …}`, and ends when its standard input does.
 */
import { startOllamaServer } from './ollama-server.ts'

const server = await startOllamaServer({ port: Number(process.argv[2] ?? 0) })
process.stdout.write(`${JSON.stringify({ url: server.url, port: Number(new URL(server.url).port) })}\n`)
process.stdin.resume().on('end', () => void server.close())
