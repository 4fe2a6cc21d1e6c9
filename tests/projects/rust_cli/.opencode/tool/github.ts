import { tool } from "@opencode-ai/plugin"
export default tool({ description: "x", args: {}, async execute() { return "x" } })
