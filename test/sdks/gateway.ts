import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { listed } from '../support/gateway/stub-consumer.ts'

/** A gateway that listens, over a consumer that a test scripts. */
export async function startGateway(): Promise<TestGateway> {
  const test = testGateway()
  test.consumer.listed = [listed('tiny:latest', { capabilities: ['chat', 'tools', 'embedding'] })]
  await test.http.start()
  return test
}
