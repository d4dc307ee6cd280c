// Customers in Postgres.

import { sql } from 'drizzle-orm'
import { type Customer, type CustomerChange, METADATA_KEYS } from '../../access/customer.ts'
import type { CustomerStore, NewCustomer } from '../../access/ports.ts'
import { TollgateError } from '../../kernel/errors.ts'
import type { PageRequest } from '../../kernel/page.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'
import { customerFrom } from './rows.ts'

/** The same customer created twice at one instant: the second statement doesn't see the first one's row, and is run again. */
const TRIES = 3

export class PostgresCustomerStore implements CustomerStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async createCustomer(
    tenantId: string,
    customer: NewCustomer,
  ): Promise<{ kind: 'created' | 'exists'; customer: Customer } | { kind: 'no_plan' }> {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const [row] = await query<{ plan_found: string; created: string | null; existing: string | null }>(
        this.#db,
        sql`
          with wanted as (
            select ${customer.plan}::text is null or exists (
              select 1 from plans where tenant_id = ${tenantId}::uuid and key = ${customer.plan}::text) as plan_found
          ), created as (
            insert into customers (tenant_id, customer_id, name, email, plan, metadata, tax_rates)
            select ${tenantId}::uuid, ${customer.customerId}::text, ${customer.name}::text, ${customer.email}::text,
              ${customer.plan}::text, ${JSON.stringify(customer.metadata)}::text::jsonb,
              ${JSON.stringify(customer.taxRates)}::text::jsonb
            from wanted where plan_found
            on conflict do nothing
            returning *
          )
          select plan_found::text as plan_found,
            (select to_jsonb(created)::text from created) as created,
            (select to_jsonb(customers)::text from customers
              where tenant_id = ${tenantId}::uuid and customer_id = ${customer.customerId}::text) as existing
          from wanted`,
      )
      if (row!.created !== null) return { kind: 'created', customer: customerFrom(row!.created) }
      if (row!.existing !== null) return { kind: 'exists', customer: customerFrom(row!.existing) }
      if (row!.plan_found === 'false') return { kind: 'no_plan' }
    }
    throw new TollgateError(
      'store_unavailable',
      'This customer is being created at this moment. Send the same request again.',
      {
        retryAfterSeconds: 1,
      },
    )
  }

  async changeCustomer(
    tenantId: string,
    customerId: string,
    change: CustomerChange,
    create: boolean,
  ): Promise<
    { kind: 'changed'; customer: Customer } | { kind: 'not_found' | 'no_plan' | 'too_much_metadata' }
  > {
    const { name, email, plan } = change
    const metadata = JSON.stringify(change.metadata ?? {})
    const [row] = await query<{ plan_found: string; names: string; found: string; changed: string | null }>(
      this.#db,
      sql`
        with existing as (
          select metadata from customers where tenant_id = ${tenantId}::uuid and customer_id = ${customerId}::text
        ), wanted as (
          select
            ${plan ?? null}::text is null or exists (
              select 1 from plans where tenant_id = ${tenantId}::uuid and key = ${plan ?? null}::text) as plan_found,
            exists (select 1 from existing) or ${String(create)}::text::boolean as found,
            (select count(*) from jsonb_each(
              jsonb_strip_nulls(coalesce((select metadata from existing), '{}'::jsonb) || ${metadata}::text::jsonb))) as names
        ), changed as (
          insert into customers as customer (tenant_id, customer_id, name, email, plan, metadata, tax_rates)
          select ${tenantId}::uuid, ${customerId}::text, ${name ?? null}::text, ${email ?? null}::text, ${plan ?? null}::text,
            jsonb_strip_nulls(${metadata}::text::jsonb), ${JSON.stringify(change.tax_rates ?? [])}::text::jsonb
          from wanted where found and plan_found and names <= ${METADATA_KEYS}::int
          on conflict (tenant_id, customer_id) do update set
            name = ${name === undefined ? sql`customer.name` : sql`excluded.name`},
            email = ${email === undefined ? sql`customer.email` : sql`excluded.email`},
            plan = ${plan === undefined ? sql`customer.plan` : sql`excluded.plan`},
            metadata = jsonb_strip_nulls(customer.metadata || ${metadata}::text::jsonb),
            tax_rates = ${change.tax_rates === undefined ? sql`customer.tax_rates` : sql`excluded.tax_rates`},
            updated_at = now()
          returning *
        )
        select plan_found::text as plan_found, found::text as found, names::text as names,
          (select to_jsonb(changed)::text from changed) as changed
        from wanted`,
    )
    if (row!.changed !== null) return { kind: 'changed', customer: customerFrom(row!.changed) }
    if (row!.found === 'false') return { kind: 'not_found' }
    return row!.plan_found === 'false' ? { kind: 'no_plan' } : { kind: 'too_much_metadata' }
  }

  async findCustomer(
    tenantId: string,
    customerId: string,
  ): Promise<{ customer: Customer | null; used: boolean }> {
    const [row] = await query<{ customer: string | null; used: string }>(
      this.#db,
      sql`
        select
          (select to_jsonb(customers)::text from customers
            where tenant_id = ${tenantId}::uuid and customer_id = ${customerId}::text) as customer,
          (exists (select 1 from usage where tenant_id = ${tenantId}::uuid and customer_id = ${customerId}::text)
            or exists (select 1 from usage_days where tenant_id = ${tenantId}::uuid and customer_id = ${customerId}::text))::text as used`,
    )
    return {
      customer: row!.customer === null ? null : customerFrom(row!.customer),
      used: row!.used === 'true',
    }
  }

  async listCustomers(tenantId: string, { after, limit }: PageRequest): Promise<Customer[]> {
    const found = await query<{ customer: string }>(
      this.#db,
      sql`
        select to_jsonb(customers)::text as customer from customers
        where tenant_id = ${tenantId}::uuid and customer_id > ${after ?? ''}::text
        order by customer_id limit ${limit + 1}::int`,
    )
    return found.map((row) => customerFrom(row.customer))
  }
}
