// What must hold of invoices, whatever happens.

export const laws = {
  periods: 'every period has one invoice',
  numbers: 'numbers have no gaps and no doubles',
  once: 'every unit is billed exactly once',
  fees: 'fees are billed by days, and add up',
  totals: 'an invoice adds up',
  credit: 'credit is spent once, and never more than there is',
  notes: 'credit notes add up, and take back no more than there is',
  frozen: 'an issued invoice never changes',
  again: 'closing again changes nothing',
  commands: 'what was acknowledged of a subscription holds',
  previews: 'a preview of a change shows what is issued',
  closes: 'what is due is closed',
  answers: 'every answer is one of the documented',
} as const
