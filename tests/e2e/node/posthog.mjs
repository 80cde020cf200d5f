// Ada's story through posthog-node. Prints what the library itself reports as an error.
import { PostHog } from 'posthog-node'

const { RAPPORT_URL, RAPPORT_KEY, BOUGHT_AT, GZIP } = process.env
const posthog = new PostHog(RAPPORT_KEY, { host: RAPPORT_URL, disableCompression: GZIP === 'false', fetchRetryCount: 0 })
posthog.on('error', (error) => console.log(JSON.stringify({ error: `${error.status ?? error}` })))

posthog.capture({ distinctId: 'a1', event: '$pageview', properties: { $device_id: 'a1' } })
posthog.identify({
  distinctId: 'ada',
  properties: { $set: { email: 'Ada@Example.com', plan: 'gold' }, $set_once: { plan: 'free', since: 2026 }, $anon_distinct_id: 'a1' },
})
posthog.capture({ distinctId: 'ada', event: 'Order Completed', properties: { total: 12.5 }, timestamp: new Date(BOUGHT_AT) })
posthog.capture({ distinctId: 'ada', event: 'Order Completed', properties: { total: 7 } })
posthog.groupIdentify({ distinctId: 'ada', groupType: 'company', groupKey: 'acme', properties: { seats: 5 } })
posthog.alias({ distinctId: 'ada', alias: 'old-ada' })
await posthog.shutdown()
