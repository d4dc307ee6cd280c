// What moving tenants and opening partitions ask of the partitions: a script a method.

import { type Placement, parsePlacement, placementText } from '../../metering/placement/placement.ts'
import type { HomePartitions } from '../../metering/placement/ports.ts'
import type { Databases } from './databases.ts'
import { stampOf } from './record-together.ts'
import { announcePartitions, freezeHome, knownPlacement } from './scripts/placement.ts'

export class RedisHomes implements HomePartitions {
  readonly #databases: Databases

  constructor(databases: Databases) {
    this.#databases = databases
  }

  get names(): string[] {
    return this.#databases.names
  }

  unreachable(): Promise<string[]> {
    return this.#databases.unreachable()
  }

  async knows(
    partition: number,
    tenantId: string,
  ): Promise<{ placement: Placement | null; unsettledCounters: number }> {
    const [text, unsettled] = (await this.#databases.run(knownPlacement, partition, [tenantId])) as [
      string,
      number,
    ]
    return { placement: text === '' ? null : parsePlacement(text), unsettledCounters: Number(unsettled) }
  }

  async freeze(
    partition: number,
    tenantId: string,
    placement: Placement,
    frozenMs: number | null,
  ): Promise<{ nowMs: number; left: number } | { known: Placement }> {
    const args = [
      tenantId,
      ...stampOf(placement),
      placementText(placement),
      frozenMs === null ? '' : String(frozenMs),
    ]
    const [kind, detail, left] = (await this.#databases.run(freezeHome, partition, args)) as [
      string,
      string,
      number,
    ]
    return kind === 'moved'
      ? { known: parsePlacement(detail) }
      : { nowMs: Number(detail), left: Number(left) }
  }

  holderOf(partition: number): Promise<string | null> {
    return this.#databases.holderOf(partition)
  }

  /** The check of its first use says it. */
  async claim(partition: number): Promise<void> {
    await this.#databases.of(partition)
  }

  async announce(partitions: number): Promise<void> {
    await this.#databases.run(announcePartitions, 0, [String(partitions)])
  }
}
