/** examples/kubernetes: valid by Kubernetes' own schemas, and in accord with exit codes, image and specifications. */
import { assert, assertEquals } from "@std/assert";
import { parseAll } from "@std/yaml";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import { serve } from "../../mod.ts";
import { shell, withoutShell } from "../support/shell.ts";
import { dockerfile } from "../support/dockerfile.ts";
import { tempFolder } from "../temp_folder.ts";
import { skip } from "../skip.ts";

const file = "examples/kubernetes/job.yaml";

/** What of the file is looked at. */
interface Job {
  readonly spec: {
    readonly completions: number;
    readonly podReplacementPolicy: string;
    readonly podFailurePolicy: {
      readonly rules: readonly {
        readonly action: string;
        readonly onExitCodes?: { readonly containerName: string; readonly values: readonly number[] };
      }[];
    };
    readonly template: {
      readonly spec: {
        readonly restartPolicy: string;
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: { readonly runAsUser: number };
        readonly containers: readonly {
          readonly name: string;
          readonly args: readonly string[];
          readonly securityContext: { readonly readOnlyRootFilesystem: boolean };
          readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
        }[];
        readonly volumes: readonly { readonly name: string }[];
      };
    };
  };
}

function read(): { specs: Readonly<Record<string, string>>; job: Job } {
  const parts = parseAll(Deno.readTextFileSync(file)) as readonly { kind: string }[];
  assertEquals(parts.map(({ kind }) => kind), ["ConfigMap", "PersistentVolumeClaim", "Job"]);
  const [map, , job] = parts as unknown as [{ data: Record<string, string> }, unknown, Job];
  return { specs: map.data, job };
}

const validated = "kubernetes: every object is valid by the schemas of several versions of Kubernetes";

Deno.test(validated, async () => {
  const unable = withoutShell();
  if (unable !== undefined) return skip(validated, unable);
  const env = { PYTHONPATH: `${Deno.cwd()}/.cache/kubernetes-validate` };
  const there = await shell("python3 -c 'import kubernetes_validate'", [], env);
  if (there.code !== 0) return skip(validated, "kubernetes-validate is not installed: .ci/run installs it");
  const run = 'python3 -m kubernetes_validate --strict -k "$1" "$2"';
  for (const version of ["1.29", "1.32", "1.35"]) {
    const { code, out, err } = await shell(run, [version, file], env);
    assertEquals([code, `${out}${err}`.match(/passed for resource/g)?.length], [0, 3], `${out}${err}`);
  }
  // A name that is none is found, so the check can fail.
  const wrong = Deno.readTextFileSync(file).replace("podFailurePolicy:", "podFailurePolitics:");
  using folder = tempFolder();
  const path = `${folder.path}/wrong.yaml`;
  await Deno.writeTextFile(path, wrong);
  const refused = await shell(run, ["1.32", path], env);
  assert(refused.code !== 0, refused.out);
});

Deno.test("kubernetes: each exit code of a job that is not 0 has one rule, which does what docs/jobs.md says", () => {
  const { job: { spec: { podFailurePolicy, template: { spec: { containers } } } } } = read();
  const rules = podFailurePolicy.rules.flatMap(({ action, onExitCodes }) =>
    (onExitCodes?.values ?? []).map((code): [number, string] => [code, action])
  );
  assertEquals(new Map(rules).size, rules.length);
  const { done: _, ...codes } = exitCodes;
  assertEquals(rules.map(([code]) => code).sort((a, b) => a - b), Object.values(codes).sort((a, b) => a - b));
  const { failed, usage, lost, later, interrupted, terminated } = codes;
  for (const code of [later, interrupted, terminated]) assertEquals(new Map(rules).get(code), "Ignore");
  for (const code of [failed, usage]) assertEquals(new Map(rules).get(code), "FailIndex");
  assertEquals(new Map(rules).get(lost), "Count");
  const named = podFailurePolicy.rules.flatMap(({ onExitCodes }) => onExitCodes?.containerName ?? []);
  assertEquals([...new Set(named)], containers.map(({ name }) => name));
});

Deno.test("kubernetes: each index has a specification of its own, which is right, with a folder of its own", () => {
  const { specs, job: { spec: { completions, template: { spec: { containers: [container] } } } } } = read();
  const [arg, ...more] = container!.args;
  assertEquals(more, []);
  const names = Array.from(
    { length: completions },
    (_, index) => arg!.replace("$(JOB_COMPLETION_INDEX)", `${index}`).replace(/^\/job\//, ""),
  );
  assertEquals(Object.keys(specs), names);
  const jobs = Object.values(specs).map((text) => serve.checkJob(serve.parseJob(text)));
  assertEquals(new Set(jobs.map(serve.jobOutput)).size, completions);
  assertEquals(new Set(jobs.map((job) => serve.jobRecipe(job).seed)).size, completions);
});

Deno.test("kubernetes: the pod has what the image asks for: its user, its volumes, time to save", () => {
  const { job: { spec } } = read();
  const { containers: [container], volumes, securityContext, restartPolicy, terminationGracePeriodSeconds } =
    spec.template.spec;
  const { user, volumes: asked } = dockerfile().final;
  assertEquals(`${securityContext.runAsUser}`, user.split(":")[0]);
  assertEquals(container!.securityContext.readOnlyRootFilesystem, true);
  const mounts = container!.volumeMounts.map(({ mountPath }) => mountPath);
  assertEquals(asked.filter((path) => !mounts.includes(path)), []);
  assertEquals(container!.volumeMounts.map(({ name }) => name).sort(), volumes.map(({ name }) => name).sort());
  assertEquals([restartPolicy, spec.podReplacementPolicy], ["Never", "Failed"]);
  assert(terminationGracePeriodSeconds >= 60);
});
