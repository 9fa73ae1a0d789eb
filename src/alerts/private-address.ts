import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Addresses that are not of the public internet: IANA's special-purpose registries (RFC 6890), and IPv4 inside IPv6. */
const PRIVATE_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]
/** Everything but global unicast; inside it, what carries an IPv4 address or is not routed. */
const GLOBAL_V6 = '2000::/3'
const PRIVATE_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']
/** ::ffff:0:0/96 and 64:ff9b::/96 lead to the IPv4 address in their last 32 bits. */
const MAPPED_V6 = ['::ffff:0:0/96', '64:ff9b::/96']

const privateV4 = listOf(PRIVATE_V4, 'ipv4')
const privateV6 = listOf(PRIVATE_V6, 'ipv6')
const globalV6 = listOf([GLOBAL_V6], 'ipv6')
const mappedV6 = listOf(MAPPED_V6, 'ipv6')

/** Whether an address is of a private, local or reserved network; what is no address is private too. */
export function isPrivateAddress(address: string): boolean {
  if (isIPv4(address)) return privateV4.check(address, 'ipv4')
  const bare = address.replace(/%.*$/, '')
  if (!isIPv6(bare)) return true
  if (mappedV6.check(bare, 'ipv6')) return isPrivateAddress(lastFourBytes(bare))
  return !globalV6.check(bare, 'ipv6') || privateV6.check(bare, 'ipv6')
}

function lastFourBytes(address: string): string {
  const dotted = /:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  if (dotted !== undefined) return dotted
  // The URL parser writes every address in one form: hexadecimal groups without leading zeros.
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1).split(':').slice(-2)
  const [high, low] = groups.map((group) => Number.parseInt(group || '0', 16))
  return [high! >> 8, high! & 255, low! >> 8, low! & 255].join('.')
}

function listOf(networks: string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address, bits] = network.split('/')
    list.addSubnet(address!, Number(bits), family)
  }
  return list
}
