/** Training images as a training sees them. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { data, Device, recipe, study } from "../../../../mod.ts";
import { trainBatches } from "../../../../lib/recipe/build.ts";

const device = new Device("cpu", { threads: 1 });

async function digits(): Promise<data.Dataset> {
  const { train, valid } = await data.mnist({ limit: 96, device });
  valid.dispose();
  return train;
}

function mine(changes: recipe.RecipeChanges = {}): study.AugmentingRecipe {
  return { ...recipe.preset("mnist", { bs: 32, seed: 5, ...changes }), dtype: "f32" };
}

Deno.test("augmentedPictures: the images of the epoch's first batches, moved as they are, with their classes", async () => {
  using set = await digits();
  // MNIST's recipe moves images and takes statistics off, which a picture has again.
  const own = mine();
  assert(own.transforms.shift! > 0 && own.transforms.normalize !== null);
  const pictures = await study.augmentedPictures(own, set, { count: 40, epoch: 1 });
  assertEquals(pictures.length, 40);
  const plain = { ...own, transforms: { ...own.transforms, normalize: null } };
  let at = 0;
  for await (const { images, labels } of trainBatches({ ...plain, dtype: "f32" }, set).at({ epoch: 1 })) {
    const [pixels, classes] = [await images.data(), await labels.data()];
    for (let image = 0; image < classes.length && at < 40; image++, at++) {
      const { pixels: shown, label, height, width } = pictures[at]!;
      assertEquals([label, height, width], [set.classes[classes[image]!], 28, 28]);
      for (let pixel = 0; pixel < 28 * 28; pixel++) {
        const wanted = Math.round(255 * pixels[image * 28 * 28 + pixel]!);
        assert(Math.abs(shown[3 * pixel]! - wanted) <= 1, `image ${at}, pixel ${pixel}`);
        assertEquals(shown[3 * pixel], shown[3 * pixel + 2]);
      }
    }
  }
  assertEquals(at, 40);
  const other = await study.augmentedPictures(own, set, { count: 2 });
  assert(other[0]!.pixels.some((value, place) => value !== pictures[0]!.pixels[place]));
});

Deno.test("augmentedPictures: mixed images are mixed, and their labels tell the shares", async () => {
  using set = await digits();
  const plain = await study.augmentedPictures(mine(), set, { count: 32 });
  const mixed = await study.augmentedPictures(mine({ transforms: { mixup: { alpha: 0.4 } } }), set, { count: 32 });
  let several = 0;
  for (const [at, { label, pixels }] of mixed.entries()) {
    const shares = label.split(" + ").map((part) => Number(part.split(" ")[1] ?? 1));
    assert(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 0.02, label);
    // The larger share is the image's own.
    assertEquals(label.split(" ")[0], plain[at]!.label);
    if (shares.length === 1) continue;
    several++;
    assertMatch(label, /^\d 0\.\d\d \+ \d 0\.\d\d$/);
    const own = plain[at]!.pixels;
    // Where the other image is black, what is left is the own one's share.
    const place = own.findIndex((value, pixel) => value > 200 && pixels[pixel]! <= Math.ceil(shares[0]! * value) + 1);
    if (place >= 0) assert(Math.abs(pixels[place]! - shares[0]! * own[place]!) < 3, label);
  }
  assert(several > 8, `${several} mixed`);
  await assertRejects(() => study.augmentedPictures(mine(), set, { count: 0 }), RangeError, "`count`");
  await assertRejects(() => study.augmentedPictures(mine({ bs: 97 }), set), recipe.SettingError, "at most 96");
});
