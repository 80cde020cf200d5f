// Ada's story through @rudderstack/rudder-sdk-node. Prints what the library itself reports as an error.
import RudderAnalytics from '@rudderstack/rudder-sdk-node'

const { RAPPORT_URL, RAPPORT_KEY, BOUGHT_AT, GZIP } = process.env
const analytics = new RudderAnalytics(RAPPORT_KEY, {
  dataPlaneUrl: RAPPORT_URL,
  gzip: GZIP !== 'false',
  retryCount: 0,
  logLevel: 'none',
  errorHandler: (error) => console.log(JSON.stringify({ error: `${error.response?.status} ${error.response?.data?.code}` })),
})

analytics.page({ anonymousId: 'a1', category: 'Shop', name: 'Shoes' })
analytics.identify({ userId: 'ada', anonymousId: 'a1', traits: { email: 'Ada@Example.com', plan: 'gold' } })
analytics.track({ userId: 'ada', event: 'Order Completed', properties: { total: 12.5 }, timestamp: new Date(BOUGHT_AT) })
analytics.track({ userId: 'ada', event: 'Order Completed', properties: { total: 7 }, context: { device: { id: 'till-3' } } })
analytics.screen({ userId: 'ada', name: 'Basket' })
analytics.group({ userId: 'ada', groupId: 'acme', traits: { seats: 5 } })
analytics.alias({ userId: 'ada', previousId: 'old-ada' })
await analytics.flush()
await analytics.flush()
