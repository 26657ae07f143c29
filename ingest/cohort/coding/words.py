"""Words that name nobody: words of movement, conditions, groups, manufacturers and formats. All others may be names.

A text is cut at blanks, signs, digits and capitals; each part that is not a plain word here may name somebody. The list is
for recordings' names, cells of tables and remarks in files, in English, with the words of German, French and
Spanish that laboratories use most.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from itertools import pairwise

_MOVEMENT = """
walk walks walking gait run runs running jog jogging sprint stand stands standing static statics dynamic trial trials
take takes rec recording capture test tests task motion movement calibration calib cal cali tpose apose npose pose rom
jump jumps jumping cmj sj dj squat squats squatting hop hops hopping lunge lunges sit sits sitting stance sts stair
stairs ramp step steps stepping up down turn turns turning tug balance romberg reach reaching grasp swing throw kick lift
fall falls start stop stops end begin crouch crawl climb climbing circle straight forward forwards backward backwards
backwards sideways lateral medial figure eight line tandem heel toe toes foot feet knee knees hip hips ankle ankles arm arms leg
legs hand hands head trunk pelvis upper lower body full left right both l r lt rt slow normal fast faster slower fastest
comfortable preferred self selected ssws free speed constant variable single double dual dualtask cognitive counting
barefoot bare shod shoe shoes boot boots brace braced orthosis orthoses orthotic afo afos kafo insole insoles crutch
crutches cane stick walker rollator prosthesis with without no non not on off in out at to of and the a treadmill
overground level incline ground floor force forces plate plates video videos camera cam front side sagittal frontal
view eyes open closed foam tennis basketball soccer football golf dance dancing cycle cycling bike exercise warmup practice
good bad ok fail failed best valid invalid raw filtered clean edited labelled labeled unlabelled final result results
output outputs data model models marker markers points joint joints angle angles moment moments power powers grf grfs
emg analog kinematics kinetics ik id mot trc skeleton segment segments sync cropped cut cleaned refined generic exact
"""
_STUDY = """
pre post baseline base follow followup fu initial final before after visit visits session sessions ses day days week weeks
month months year years time times t period first second third one two three four five six seven eight nine ten sub
subject subjects subj participant participants patient patients pat control controls ctrl ctl healthy typical typically
developing td cp pd ms stroke sci asd oa acl tka tha hc hv group groups case cases intervention treatment treated
untreated placebo sham therapy surgery surgical conservative operated unoperated affected unaffected more less
involved uninvolved dominant nondominant hemiplegia hemiplegic diplegia diplegic quadriplegia unilateral bilateral spastic stiff crouch equinus
ataxia ataxic dystonic parkinson parkinsons parkinsonian medication meds state young old older elderly adult adults child
children male female man woman men women boy girl m f w other unknown none yes no true false y n na nan null left right
mild moderate severe low medium high i ii iii iv v gmfcs updrs mas fac berg moca mmse age sex height mass weight bmi
kg cm mm km s ms hz deg rad nm px n nmm w v mv uv score scores total
"""
_TECHNICAL = """
or mx vicon nexus workstation polygon bodybuilder plugingait plug qualisys qtm track manager motionanalysis analysis
cortex evart optitrack motive theia markerless codamotion coda odin bts smart clinic simi visual mokka btk ezc3d
opensim opencap pose sports freemocap mediapipe openpose metrabs neuropose deeplabcut xsens mvn awinda link noraxon
delsys trigno cometa wave kistler amti bertec accugait kyowa dengyo tec gmbh corp corporation inc ltd ab oxford systems
company software version label labels amplifier internal external series digital electric potential voltage volt volts
sensor sensors imu acc gyro mag signed unsigned general context side sides event events strike strikes off contact
leaves instant for fullbody lowerbody ai kad med matlab sacr cgm pycgm conventional corner corners origin x y z
xyz position positions rotation rotations orientation quaternion velocity acceleration component components type units unit
name names cadence walking stride opposite support initial terminal length width limp index profile rhs lhs rto lto
mocap bvh asf amc trc csv tsv json mp4 avi mov c3d mat txt xlsx npy sto mvnx files file path scale scaled dataset
description tracksys omc omcs imus licence license readme changes sampling frequency frame frames rate count coordsystem channels meas tracked point reference global local world
lfhd rfhd clav strn lasi rasi lpsi rpsi
"""
_BODY = """
thigh thighs shank shanks tibia tibial femur femoral fibula sacrum sacral asis psis shoulder shoulders elbow elbows wrist
wrists neck spine spinal thorax clavicle sternum scapula acromion trochanter malleolus condyle epicondyle metatarsal calcaneus
calf hamstring hamstrings quadriceps rectus vastus biceps triceps soleus gastrocnemius tibialis peroneus gluteus maximus
medius semitendinosus adductor abductor deltoid trapezius erector finger fingers thumb chest back waist root end site humerus
radius ulna forearm collar nose ear ears eye mouth
"""
_ABROAD = """
gehen gang ganganalyse laufen rennen stehen statik statisch springen treppe links rechts barfuss barfuß schuhe schnell langsam
messung besuch sitzung vorher nachher kontrolle marche marcher statique gauche droite pieds nus vitesse lente rapide avant apres
caminar marcha estatico izquierda derecha descalzo lento rapido
"""
PLAIN = frozenset((_MOVEMENT + _STUDY + _TECHNICAL + _BODY + _ABROAD).split())


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


_PART = re.compile(r"[^\W\d_]+|\d+|[^\w]+|_+")
_CAMEL = re.compile(r"[A-ZÀ-ÖØ-Þ]+(?![a-zß-öø-ÿ])|[A-ZÀ-ÖØ-Þ]?[a-zß-öø-ÿ]+|.+")
_BEFORE_A_NUMBER = frozenset("abcdfgkmnpstvw")
_MOST_DIGITS = 3


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """(part, is a word) of a text: runs of letters cut at capitals, runs of digits, and what separates them."""
    for match in _PART.finditer(text):
        part = match[0]
        if not part[0].isalpha():
            yield part, part[0].isdigit()
        elif part.lower() in PLAIN or _is_two(part.lower(), PLAIN):
            yield part, True  # 'EMG' and 'ssWS' as they are
        else:
            yield from ((piece, True) for piece in _CAMEL.findall(part))


def is_plain(part: str, before: str, after: str, more: Container[str] = ()) -> bool:
    """Whether a part names nobody. before, after : the parts beside it. more : further words, in lower case."""
    low = part.lower()
    if part.isdigit():
        return len(part) <= _MOST_DIGITS or (part.startswith("0") and len(part) <= _MOST_DIGITS + 1)
    if low in more:
        return True
    if len(low) == 1:
        return low in "lrxyz" or before[-1:].isdigit() or (low in _BEFORE_A_NUMBER and after[:1].isdigit())
    return low in PLAIN or _is_two(low, PLAIN)


def _is_two(word: str, plain: Container[str]) -> bool:
    """Whether a word is two plain ones of three letters or more, written together: ``eyesopen``."""
    return any(word[:i] in plain and word[i:] in plain for i in range(3, len(word) - 2))


def unknown_words(text: str, more: Container[str] = ()) -> list[str]:
    """The parts of a text that may name somebody; decimal numbers are none."""
    text = re.sub(r"(?<![\w.])[-+]?\d{1,5}([.,]\d*)?(?![\w])", "0", text)
    return [part for part, is_plain_one in classified(text, more) if not is_plain_one]


def classified(text: str, more: Container[str] = ()) -> Iterator[tuple[str, bool]]:
    """(part, whether it names nobody) of a text, from its beginning to its end."""
    pieces = [*parts(text), ("", False)]
    before = ""
    for (part, is_word), (after, _) in pairwise(pieces):
        yield part, not is_word or is_plain(part, before, after, more)
        before = part
