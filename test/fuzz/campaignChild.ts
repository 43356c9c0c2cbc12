/** The property-based fuzzer on one subject, in a process of its own, so that its heap is what is measured. */
import { campaign } from "./campaign.js"
import { coverageOf } from "./coverage.js"
import { subjects } from "./subjects.js"

const [name, seed, runs] = process.argv.slice(2)
const subject = subjects.find((one) => one.name === name)
if (subject === undefined) throw new Error(`There is no subject ${name}`)
const result = campaign(subject, { seed: Number(seed), runs: Number(runs) })
process.stdout.write(JSON.stringify({ ...result, coverage: coverageOf(subject.files) }))
