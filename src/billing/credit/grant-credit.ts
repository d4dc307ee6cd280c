// Grants a customer credit, and takes back what is left of it.

import { z } from 'zod'
import { currencySchema, roundedAmount, tooFine } from '../../kernel/currency.ts'
import { decimal } from '../../kernel/decimal.ts'
import { decimalOutput, decimalString } from '../../kernel/decimal-schema.ts'
import { TollgateError } from '../../kernel/errors.ts'
import { instantInZoneMs, instantOrDateSchema } from '../../kernel/instant.ts'
import { knownFields } from '../../kernel/object-schema.ts'
import { line } from '../../kernel/text.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { wholeNumber } from '../../kernel/whole-number.ts'
import { customerIdSchema } from '../../metering/event.ts'
import { unchanged } from '../account.ts'
import type { AccountStore } from '../account-ports.ts'
import { type AccountServices, type Caller, changingAccount } from '../changing-account.ts'
import { type CreditEntry, creditEntryKinds, type Grant, type OpenGrant } from './credit.ts'

export const GRANTS_PER_CUSTOMER = 500
const NAME_CHARS = 200

export const grantInputSchema = knownFields('A credit grant', {
  customer_id: customerIdSchema,
  name: line(NAME_CHARS).meta({ description: 'On the invoices that draw on it.', example: 'Prepaid 2026' }),
  amount: decimalString({ above: '0' }).meta({ description: 'In whole minor units.', example: '500' }),
  currency: currencySchema,
  priority: wholeNumber(0, 1_000)
    .default(50)
    .meta({ description: 'The smaller, the earlier it is drawn on.', example: 50 }),
  expires_at: instantOrDateSchema('2027-01-01T00:00:00Z').optional().meta({
    description:
      'From then on it is not drawn on; a date: from the beginning of that day on, in your time zone; absent: never.',
    example: '2027-01-01T00:00:00Z',
  }),
}).meta({ id: 'CreditGrantInput' })

export type GrantInput = z.output<typeof grantInputSchema>

const instant = (description: string) =>
  z.iso.datetime().meta({ description, example: '2026-11-01T00:00:00.000Z' })
const id = z.guid().meta({ example: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11' })

export const grantSchema = z
  .object({
    id,
    customer_id: z.string().meta({ example: 'cust_42' }),
    name: z.string().meta({ example: 'Prepaid 2026' }),
    amount: decimalOutput().meta({ example: '500.00' }),
    remaining: decimalOutput().meta({ description: 'What is left of it.', example: '120.50' }),
    currency: z.string().meta({ example: 'USD' }),
    priority: z.int().meta({ example: 50 }),
    expires_at: instant('null: never.').nullable(),
    source: z
      .string()
      .nullable()
      .meta({ description: 'Id of the invoice or credit note that it came from; null: you granted it.' }),
    created_at: instant('When it was granted.'),
  })
  .meta({ id: 'CreditGrant' })

export const grantJson = (grant: OpenGrant): z.input<typeof grantSchema> => ({
  id: grant.id,
  customer_id: grant.customerId,
  name: grant.name,
  amount: grant.amount,
  remaining: roundedAmount(decimal(grant.remaining), grant.currency),
  currency: grant.currency,
  priority: grant.priority,
  expires_at: grant.expiresMs === null ? null : rfc3339(grant.expiresMs),
  source: grant.source,
  created_at: rfc3339(grant.createdMs),
})

export const entrySchema = z
  .object({
    id,
    grant_id: id,
    kind: z.enum(creditEntryKinds).meta({ 'x-name': 'CreditEntryKind' }),
    amount: decimalOutput().meta({ description: 'Signed: what it adds to the balance.', example: '-379.50' }),
    invoice_id: id.nullable(),
    created_at: instant('When it was written.'),
  })
  .meta({ id: 'CreditEntry' })

export const entryJson = (entry: CreditEntry): z.input<typeof entrySchema> => ({
  id: entry.id,
  grant_id: entry.grantId,
  kind: entry.kind,
  amount: entry.amount,
  invoice_id: entry.invoiceId,
  created_at: rfc3339(entry.createdMs),
})

type Services = AccountServices & { clock: () => number }

/** Throws validation_failed for another currency than the customer's, and for fractions of a minor unit. */
export async function grantCredit(
  services: Services & { accounts: Pick<AccountStore, 'findGrant'> },
  { tenant, newId }: Caller,
  input: GrantInput,
): Promise<OpenGrant> {
  const nowMs = services.clock()
  const grant = grantFrom(input, newId(), { timezone: tenant.timezone, nowMs })
  const entryId = newId()
  return changingAccount(services, tenant.tenantId, { customerId: input.customer_id }, async (account) => {
    const granted = { ...grant, remaining: grant.amount }
    // The account doesn't tell of one that is spent.
    const existing = await services.accounts.findGrant(tenant.tenantId, grant.id)
    if (existing !== null) return { change: null, result: () => existing }
    if (account.currency !== null && account.currency !== grant.currency) {
      throw wrong('currency', `must be ${account.currency}, in which the customer is billed`)
    }
    if (account.grants.length >= GRANTS_PER_CUSTOMER) {
      throw new TollgateError(
        'state_conflict',
        `A customer has ${GRANTS_PER_CUSTOMER} grants with credit at most.`,
      )
    }
    return {
      change: {
        ...unchanged(account),
        currency: grant.currency,
        grants: [grant],
        entries: [entryOf(grant, { id: entryId, kind: 'grant', amount: grant.amount, createdMs: nowMs })],
      },
      result: () => granted,
    }
  })
}

function grantFrom(
  input: GrantInput,
  id: string,
  { timezone, nowMs }: { timezone: string; nowMs: number },
): Grant {
  const amount = roundedAmount(decimal(input.amount), input.currency)
  const detail = tooFine(input.amount, input.currency)
  if (detail !== null) throw wrong('amount', detail)
  const expiresMs = input.expires_at === undefined ? null : instantInZoneMs(timezone, input.expires_at)
  if (expiresMs !== null && expiresMs <= nowMs) throw wrong('expires_at', 'must be in the future')
  return {
    id,
    customerId: input.customer_id,
    name: input.name,
    currency: input.currency,
    amount,
    priority: input.priority,
    expiresMs,
    source: null,
    createdMs: nowMs,
  }
}

/** Takes back what is left; again changes nothing. Throws not_found. */
export async function voidGrant(
  services: Services & { accounts: Pick<AccountStore, 'findGrant'> },
  { tenant, newId }: Caller,
  { id }: { id: string },
): Promise<OpenGrant> {
  const found = await services.accounts.findGrant(tenant.tenantId, id)
  if (found === null) throw new TollgateError('not_found', `There is no credit grant ${id}.`)
  return changingAccount(services, tenant.tenantId, found, (account) => {
    const grant = account.grants.find((one) => one.id === id)
    const spent = { ...found, remaining: '0' }
    if (grant === undefined || !decimal(grant.remaining).gt('0'))
      return { change: null, result: () => grant ?? spent }
    const amount = `-${roundedAmount(decimal(grant.remaining), grant.currency)}`
    const entry = entryOf(grant, { id: newId(), kind: 'void', amount, createdMs: services.clock() })
    return { change: { ...unchanged(account), entries: [entry] }, result: () => spent }
  })
}

export const entryOf = (
  { id: grantId, customerId }: Grant,
  more: Pick<CreditEntry, 'id' | 'kind' | 'amount' | 'createdMs'> & { invoiceId?: string },
): CreditEntry => ({ customerId, grantId, invoiceId: null, ...more })

const wrong = (field: string, detail: string) =>
  new TollgateError('validation_failed', `The credit can’t be granted: ${field} ${detail}.`, {
    issues: [{ pointer: `#/${field}`, detail }],
  })
