import { credits } from "./credits.js"
import { decode } from "./decode.js"
import type { Section } from "./measure.js"
import { hits } from "./hits.js"
import { imports } from "./imports.js"
import { ledger } from "./ledger.js"
import { limiter } from "./limiter.js"
import { overhead } from "./overhead.js"
import { score } from "./score.js"
import { service } from "./service.js"
import { start } from "./start.js"
import { stampedes } from "./stampede.js"
import { stream } from "./stream.js"
import { target } from "./target.js"

export const sections: Readonly<Record<string, Section>> = {
  target,
  start,
  import: imports,
  overhead,
  decode,
  stream,
  score,
  hits,
  stampede: stampedes,
  credits,
  service,
  ledger,
  limiter
}
