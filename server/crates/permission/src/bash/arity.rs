//! How many words name a command.
//!
//! Source: OpenCode's table. **Invariant:** what "always" allows is never wider than the command's own name.

use super::Word;

const TWO: &str = " bazel brew bun cargo cdk cf cmake composer consul crictl deno docker eksctl firebase flyctl git go gradle helm heroku hugo ip kind kubectl \
    kustomize make mc minikube mongosh mysql mvn ng npm nvm nx openssl pip pipenv pnpm poetry podman psql pulumi pyenv python python3 rake rbenv redis-cli \
    rustup serverless skaffold sls sst swift systemctl terraform tmux turbo ufw vault vercel volta wp yarn ";

const THREE: &str = " aws az doctl gcloud gh sfdx ";

const THREE_HEADS: &[(&str, &str)] = &[
    ("bun", " run x "),
    ("cargo", " add run "),
    ("consul", " kv "),
    ("deno", " task "),
    ("docker", " builder compose container image network volume "),
    ("eksctl", " create "),
    ("git", " config remote stash "),
    ("ip", " addr link netns route "),
    ("kind", " create "),
    ("kubectl", " kustomize rollout "),
    ("mc", " admin "),
    ("npm", " exec init run view "),
    ("openssl", " req x509 "),
    ("pnpm", " dlx exec run "),
    ("podman", " container image "),
    ("pulumi", " stack "),
    ("terraform", " workspace "),
    ("vault", " auth kv "),
    ("yarn", " dlx run "),
];

fn has(list: &str, word: &str) -> bool {
    !word.is_empty() && !word.contains(' ') && list.contains(&format!(" {word} "))
}

/// The pattern that "always" would allow: the words that name the command, then ` *`.
pub(super) fn always(argv: &[Word]) -> String {
    let name = argv.first().map_or("", |word| word.text.as_str());
    let second = argv.get(1).map_or("", |word| word.text.as_str());
    let three = has(THREE, name) || THREE_HEADS.iter().any(|(head, list)| *head == name && has(list, second));
    let count = if three { 3 } else { 1 + usize::from(has(TWO, name)) };
    format!("{} *", super::words::joined(argv.get(..count).unwrap_or(argv)))
}
