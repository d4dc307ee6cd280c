// Currencies, and how many decimals an amount in each of them has.
//
// The table is ISO 4217's list one as published on 2026-09-17: its 165 codes that have a minor unit, funds included.
// Metals, test codes and "no currency" have none, so nothing can be invoiced in them, and they are left out.
// Why a table: it is four lines of data that change once a year. The npm package for it (currency-codes 2.2.0) has the
// list of June 2024, is CommonJS, and says 0 digits where ISO says none. `Intl` answers by CLDR, which differs from ISO
// (IQD, HUF, ISK … are not what a bank books) and from one runtime to the next.
// A code that ISO withdraws stays in `minorUnits`, or old plans couldn't be billed: give it a list of its own here, and
// leave it out of `isCurrency`.

import { z } from 'zod'
import { type Decimal, decimal, fixedText } from './decimal.ts'
import { TollgateError } from './errors.ts'

const codesByMinorUnits: [digits: number, codes: string][] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [
    2,
    `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
     CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD
     HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
     MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD
     RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
     USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG`,
  ],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
  [4, 'CLF UYW'],
]

const digitsByCode = new Map(
  codesByMinorUnits.flatMap(([digits, codes]) =>
    codes.split(/\s+/).map((code): [string, number] => [code, digits]),
  ),
)

export const currencies: readonly string[] = [...digitsByCode.keys()].sort()

/** Whether this is a current ISO 4217 code, in capitals, that amounts can be in. */
export const isCurrency = (code: string): boolean => digitsByCode.has(code)

/** Decimals of an amount in this currency: USD 2, JPY 0, KWD 3, CLF 4. Throws where `isCurrency` says no: check input first. */
export function minorUnits(code: string): number {
  const digits = digitsByCode.get(code)
  if (digits === undefined) {
    throw new TollgateError('internal', 'Something went wrong on our side.', {
      internal: `No currency: ${code}`,
    })
  }
  return digits
}

/** An amount of money as text: rounded half away from zero to the minor unit, and with all its decimals: "1.50", JPY "2". */
export const roundedAmount = (value: Decimal, currency: string): string =>
  fixedText(value, minorUnits(currency))

/** What is wrong with an amount that is finer than its currency's minor unit; null: it isn't. */
export const tooFine = (amount: string, currency: string): string | null =>
  decimal(roundedAmount(decimal(amount), currency)).eq(amount)
    ? null
    : `must have at most ${minorUnits(currency)} decimals in ${currency}`

export const currencySchema = z
  .string({ error: 'must be an ISO 4217 currency code, such as "USD"' })
  .regex(/^[A-Z]{3}$/, { error: ({ input }) => notACurrency(String(input)), abort: true })
  .refine(isCurrency, { error: ({ input }) => notACurrency(String(input)) })
  .meta({ description: 'ISO 4217 code of a currency with a minor unit, in capitals.', example: 'USD' })

function notACurrency(sent: string): string {
  const capitals = sent.slice(0, 16).trim().toUpperCase()
  return isCurrency(capitals)
    ? `must be three capitals: send "${capitals}"`
    : 'must be a current ISO 4217 currency code, such as "USD"'
}
