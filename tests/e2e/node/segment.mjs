// Ada's story through @segment/analytics-node. Prints what the library itself reports as an error.
import { Analytics } from '@segment/analytics-node'

const { RAPPORT_URL, RAPPORT_KEY, BOUGHT_AT } = process.env
const analytics = new Analytics({ writeKey: RAPPORT_KEY, host: RAPPORT_URL, maxRetries: 0 })
analytics.on('error', (error) => console.log(JSON.stringify({ error: String(error.reason ?? error.code) })))

analytics.page({ anonymousId: 'a1', category: 'Shop', name: 'Shoes' })
analytics.identify({ userId: 'ada', anonymousId: 'a1', traits: { email: 'Ada@Example.com', plan: 'gold' } })
analytics.track({ userId: 'ada', event: 'Order Completed', properties: { total: 12.5 }, timestamp: new Date(BOUGHT_AT) })
analytics.track({ userId: 'ada', event: 'Order Completed', properties: { total: 7 }, context: { device: { id: 'till-3' } } })
analytics.screen({ userId: 'ada', name: 'Basket' })
analytics.group({ userId: 'ada', groupId: 'acme', traits: { seats: 5 } })
analytics.alias({ userId: 'ada', previousId: 'old-ada' })
await analytics.closeAndFlush({ timeout: 20000 })
