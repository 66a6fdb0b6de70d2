import { Fleet } from '../fleet.ts';
import { serve } from '../workers.ts';
import { drawYear, type PlayOptions, playYear, YearClock } from './play-year.ts';

const clock = new YearClock();
const fleet = await Fleet.start(clock.now);
serve((options: PlayOptions) => playYear(drawYear(options.seed), fleet, clock, options));
